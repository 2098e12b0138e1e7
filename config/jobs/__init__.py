"""Leased jobs: a row is the job, the queue is only the bell.

claiming    take due rows under a lease, return the leases of the dead
leases      keep a lease alive, fence every transaction behind it
settling    how a job leaves a worker's hands, with the failure classes
draining    run a queue until it is empty or the time is up
controls    what a person does: retry, cancel, pause, resume
bell        wake the workers of a queue
lanes       keep a busy queue from taking every worker
sweeping    reap, wake, prune: every minute
guarding    keep the worker cluster alive, with leash, lifeline and beats
"""
