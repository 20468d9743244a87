"""Small classes that say whether something may pass, and why not."""
