// The studio page: the door, the views, and what connects them.

import { Notices } from "/static/notices.js";
import { Api } from "/studio/api.js";
import { Feed } from "/studio/feed.js";
import { Maker } from "/studio/maker.js";
import { Queue } from "/studio/queue.js";
import { Sets } from "/studio/sets.js";
import { Viewer } from "/studio/viewer.js";

const $ = (id) => document.getElementById(id);
const notices = new Notices({ root: $("notices") });

function tell(error) {
  notices.show(error.message, "error");
}

async function open(token) {
  const api = new Api(token);
  try {
    const [{ models }, { styles }] = await Promise.all([api.get("/api/models"), api.get("/api/styles")]);
    enter(api, models, styles);
  } catch (error) {
    ask(error.status === 401 ? "This token is not known here. Was it revoked, or cut off when it was copied?" : error.message);
  }
}

function ask(text) {
  if (text) $("door-text").textContent = text;
  $("door").hidden = false;
  $("house").hidden = true;
  $("door-token").focus();
}

function enter(api, models, styles) {
  $("door").hidden = true;
  $("house").hidden = false;
  const viewer = new Viewer({ root: $("viewer"), api, tell });
  const sets = new Sets({ root: $("sets"), api, viewer, tell });
  const queue = new Queue({ root: $("jobs"), api, viewer, tell });
  new Maker({ root: $("maker"), api, models, styles, tell, onAccepted: (set) => (location.hash = set ? `/sets/${encodeURIComponent(set)}` : "/queue") });
  const feed = new Feed({
    api,
    onJobs: (jobs) => {
      queue.take(jobs);
      sets.take(jobs);
    },
    onLine: (whole) => {
      $("line").textContent = whole ? "" : "The server does not answer. Trying again…";
    },
    onRefused: () => {
      Api.forget();
      ask("The token was revoked.");
    },
  });
  feed.run();
  for (const tab of document.querySelectorAll("[data-view]")) tab.onclick = () => show(tab.dataset.view);
  addEventListener("hashchange", () => follow(sets));
  follow(sets);
}

/** `#/sets` and `#/sets/NAME` are addresses, so that a sheet can be sent to a colleague, who has a token of their own. */
function follow(sets) {
  const [view, name] = location.hash.slice(2).split("/");
  show(view === "sets" ? "sets" : "queue", { keep: true });
  if (view === "sets") sets.open(name ? decodeURIComponent(name) : "");
}

function show(view, { keep = false } = {}) {
  for (const tab of document.querySelectorAll("[data-view]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.view === view));
    $(tab.dataset.view).hidden = tab.dataset.view !== view;
  }
  if (!keep) location.hash = `/${view}`;
}

$("door-form").onsubmit = (event) => {
  event.preventDefault();
  const token = $("door-token").value.trim();
  Api.store(token);
  open(token);
};

const token = Api.storedToken();
if (token) open(token);
else ask();
