// Who is here, and what the first player can do about it.

import { Command } from "./protocol.js";
import { element, icon, iconButton } from "./element.js";

const INVITES = [
  ["player2", "Player 2", 2],
  ["player3", "Player 3", 3],
  ["player4", "Player 4", 4],
  ["viewer", "Viewers", 0],
];

export class People {
  #roster = [];
  #links = null;

  /** `root` is filled with the list of people and, for the first player, with the invitations. */
  constructor({ root, connection, notices, onCount }) {
    Object.assign(this, { root, connection, notices, onCount });
  }

  roster(people) {
    this.#roster = people;
    this.onCount(people.filter(({ here }) => here).length);
    this.#render();
  }

  links(links) {
    this.#links = links;
    this.#render();
  }

  get #iAmHost() {
    return this.#roster.some(({ you, host }) => you && host);
  }

  #render() {
    const players = this.#roster.filter(({ role }) => role === "player");
    const viewers = this.#roster.filter(({ role }) => role !== "player");
    const list = element("ul", { class: "people" }, ...[...players, ...viewers].map((person) => this.#person(person)));
    this.root.replaceChildren(element("h2", {}, "People"), list, ...this.#invitations());
  }

  #person(person) {
    const { slot, role, name, here, muted, host, you } = person;
    const chip = role === "player" ? `P${slot}` : icon("eye");
    const tags = [you && "you", host && "host", muted && "muted", !here && "away"].filter(Boolean);
    return element(
      "li",
      { class: here ? "" : "away" },
      element("span", { class: `chip slot-${role === "player" ? slot : 0}` }, chip),
      element("span", { class: "name" }, name || (role === "player" ? `Player ${slot}` : "Viewer")),
      ...tags.map((tag) => element("span", { class: `tag ${tag}` }, tag)),
      this.#iAmHost && !you && role === "player" ? this.#actions(person) : null,
    );
  }

  #actions({ slot, name, muted, here }) {
    const who = name || `Player ${slot}`;
    const command = (act) => () => this.connection.send(Command, { about: { do: act, slot } });
    return element(
      "span",
      { class: "row-actions" },
      here ? iconButton("crown", `Hand the session over to ${who}`, command("hand_over")) : null,
      muted
        ? iconButton("pad", `Let ${who} play again`, command("unmute"))
        : iconButton("hush", `Mute ${who}: their input does nothing`, command("mute")),
      iconButton("close", `Remove ${who}`, command("remove")),
    );
  }

  #invitations() {
    if (!this.#links || !this.#iAmHost) return [];
    const rows = INVITES.filter(([key]) => this.#links[key]).map((invite) => this.#invitation(invite));
    return [element("h2", {}, "Invite"), element("ul", { class: "invites" }, ...rows)];
  }

  #invitation([key, label, slot]) {
    const url = new URL(this.#links[key], location.href).href;
    const renew = () => this.connection.send(Command, { about: { do: "new_link", slot } });
    return element(
      "li",
      {},
      element("span", { class: `chip slot-${slot}` }, slot ? `P${slot}` : icon("eye")),
      element("span", { class: "name" }, label),
      element(
        "span",
        { class: "row-actions" },
        element("button", { class: "copy", onclick: () => this.#copy(url, label) }, icon("copy"), "Copy link"),
        iconButton("renew", `New link for ${label}; the old one stops working`, renew),
      ),
    );
  }

  async #copy(url, label) {
    try {
      await navigator.clipboard.writeText(url);
      this.notices.show(`Link for ${label} copied.`);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.notices.show(`Copy this link for ${label}: ${url}`, "warning"); // the browser refused its clipboard
    }
  }
}
