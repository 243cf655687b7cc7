"""What of a stack gives first under the load that its file declares, line by line."""
