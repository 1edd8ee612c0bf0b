"""What a notebook shows: figures, the sentences under them, the viewer and the panel."""
