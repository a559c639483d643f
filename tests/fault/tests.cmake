# The tests in which something fails that usually does not.
