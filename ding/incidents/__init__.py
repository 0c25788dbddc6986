"""Incidents: whatever needs a person, one row per cause, told to staff until somebody takes it or it is gone.

`detecting` reads the tables and says which causes stand now; `opening` compares them with the rows; `alerting`
owes and sends what staff must hear; `watchdog` sees to it that this goes on when the scheduler is dead.
"""
