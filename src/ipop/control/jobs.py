"""What takes longer than somebody on the bus can wait for: it gets a number, by which its end can be asked for."""

from .protocol import Refusal

JOBS_MAX = 64  # that are known, with those that are over
RUNNING, DONE, FAILED = "running", "done", "failed"


class Jobs:
    def __init__(self):
        self._last = 0
        self._jobs = {}  # number -> what `job` says of it

    def begin(self, deferred):
        """The number of a new job, which is over when the Deferred is answered. Raises Refusal."""
        if len(self._jobs) >= JOBS_MAX:
            over = [number for number, job in self._jobs.items() if job["state"] != RUNNING]
            if not over:
                deferred.done = True
                raise Refusal("too-many", "%d jobs run already: wait until some are done" % JOBS_MAX)
            del self._jobs[min(over)]
        self._last = number = self._last + 1
        self._jobs[number] = {"state": RUNNING}

        def deliver(key, content):
            self._jobs[number] = {"state": FAILED if key == "error" else DONE, key: content}

        deferred.when_done(deliver)
        return number

    def job(self, now, job):
        if job not in self._jobs:
            raise Refusal("not-found", "there is no job %d, or it is long over" % job)
        return self._jobs[job]
