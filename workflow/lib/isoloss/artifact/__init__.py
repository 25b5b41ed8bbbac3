"""What goes to a reviewer: a bundle, what a rerun of it is compared by, and what moved since."""
