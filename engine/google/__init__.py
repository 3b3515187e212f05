"""Google's cloud: who we are there, and its services behind the few calls that the engine needs.

Every client is Google's own; what is added here is a deadline, errors in our words, and preconditions.
"""
