// All jobs as the server tells of them, kept up to date over lines that break.

const AGAIN_MS = 1500;

export class Feed {
  jobs = new Map();

  /** `onJobs` is called with what changed; `onLine` with whether the server answers. */
  constructor({ api, onJobs, onLine, onRefused }) {
    this.api = api;
    this.onJobs = onJobs;
    this.onLine = onLine;
    this.onRefused = onRefused;
  }

  async run() {
    for (;;) {
      try {
        for await (const [name, data] of this.api.events("/api/events")) {
          this.onLine(true);
          if (name === "jobs") this.#take(data.jobs);
        }
      } catch (error) {
        if (error.status === 401) return this.onRefused(error);
      }
      this.onLine(false);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }

  #take(jobs) {
    for (const job of jobs) this.jobs.set(job.id, job);
    this.onJobs(jobs);
  }
}
