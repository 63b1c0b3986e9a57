// Elements of the page, built in one line.

/**
 * A new element: `element("button", { class: "primary", onclick: run }, "Stay")`.
 *
 * Names that the element has as a property are set as one; the others become attributes.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** One of the icons at the end of play.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A small button with an icon; `label` is its name and its tooltip. */
export function iconButton(name, label, onclick) {
  return element("button", { class: "small", "aria-label": label, title: label, onclick }, icon(name));
}
