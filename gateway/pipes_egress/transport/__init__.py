"""Bytes out, bytes in: guarded addresses, bounded answers, no redirects, no cookies."""
