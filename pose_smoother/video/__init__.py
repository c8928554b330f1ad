"""Video files: what is in them, and their pictures, by ffmpeg where a file must be decoded."""
