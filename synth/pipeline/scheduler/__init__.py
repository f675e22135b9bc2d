"""The order of slots through the stages, which does not depend on the speed of replies."""
