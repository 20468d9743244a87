"""The catalogue, one file per family: what each indicator is, and how it is computed."""
