"""What a launch asks for, line by line: yes, no, or nobody here can know."""
