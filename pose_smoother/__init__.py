"""Better keypoints from any pose detector: files, filters, stores and what both programs share."""
