// Shows what a job made: a picture, a video, a sound, a text.

import { element } from "/static/element.js";

const TEXT = 600; // Characters of a text that a card shows.

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.load();
    }
  },
  { rootMargin: "300px" },
);

/** Runs `load` when the element comes near the screen: a batch of a thousand pictures is not fetched at once. */
export function whenSeen(root, load) {
  root.load = load;
  seen.observe(root);
  return root;
}

/** One output of a job, loaded when it is looked at. */
export function show(api, output, { whole = false } = {}) {
  const root = element("div", { class: "media" });
  whenSeen(root, async () => {
    try {
      root.append(await content(api, output, whole));
    } catch (error) {
      root.append(element("p", { class: "broken" }, error.message));
    }
    root.classList.add("there");
  });
  return root;
}

async function content(api, output, whole) {
  const [kind] = output.media_type.split("/");
  if (kind === "image") return element("img", { src: await api.file(output.url), alt: output.name, draggable: "false" });
  if (kind === "video") return video(await api.file(output.url), whole);
  if (kind === "audio") return element("audio", { src: await api.file(output.url), controls: true });
  const text = await api.text(output.url);
  return element("pre", {}, whole || text.length <= TEXT ? text : `${text.slice(0, TEXT)}…`);
}

function video(src, whole) {
  const made = element("video", { src, loop: true, playsinline: true, controls: whole, muted: !whole });
  if (whole) return made;
  // A wall of videos that all play is no help: the one that is pointed at does.
  made.onpointerenter = () => made.play();
  made.onpointerleave = () => made.pause();
  return made;
}
