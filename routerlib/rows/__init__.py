"""What travels between the notebooks, how it is kept on disk, and where it comes from."""
