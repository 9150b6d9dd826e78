"""WorkOS Pipes: integrations, connected accounts, and credentials vended from them."""
