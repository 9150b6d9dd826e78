"""What does a statement do? Judged by its text, in processes of their own.

`sql` and `soql` are pure functions of the text; `pool` runs them under a time
limit and remembers verdicts. What cannot be proven a read is a write, and what
cannot even be told to be one statement is refused.
"""
