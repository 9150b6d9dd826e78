"""What does a statement do? Judged by its text, in processes of their own.

Each language is a pure function of the text (`sql`, `graphql`, `soql`, `sosl`,
`jql`); `pool` runs those with large parsers under a time limit and remembers
verdicts. What cannot be proven a read is a write, and what cannot even be told
to be one statement is refused.
"""
