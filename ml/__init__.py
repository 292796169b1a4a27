"""Runtime code of the road: what the builds, the approval Lambda and the endpoint's container run."""
