"""Walk the whole road on one machine, with no AWS account.

The program's own resources are provisioned on an emulated AWS that holds every role to its policies.
"""
