"""Every operation as a tool that the CLI and agents share."""
