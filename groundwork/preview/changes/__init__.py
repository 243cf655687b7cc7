"""What an update would do to what stands: from two snapshots of a stack to one answer, which every report renders."""
