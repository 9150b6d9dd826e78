"""Google Drive v3: searched, read, exported and written for real."""
