// @ts-check
/* One's own account: limits, keys for scripts, deleting one's data, signing out. */
import { el, find, near, seconds, toast } from "./dom.js";
import { ask, post } from "./jobs.js";

const SECRET = "A key is shown this once. Keep it where nobody reads it.";

/** @param {string} path @param {any} body */
const send = (path, body) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** @param {string} text @param {() => any} act */
const button = (text, act) => {
  const node = /** @type {HTMLButtonElement} */ (/** @type {any} */ (el("button", "quiet", text)));
  node.type = "button";
  node.addEventListener("click", act);
  return node;
};

const MB = 2 ** 20;
/** @param {Record<string, number | null>} quota */
const until = ({ done_s }) => (done_s === null ? "; how long they take is not known yet" : done_s ? `; yours are done in about ${seconds(done_s)}` : "");

/** @param {Record<string, any>} quota */
export const limits = (quota) => [
  `Waiting: ${quota.waiting} of ${quota.waiting_limit} jobs; all together ${quota.waiting_in_all} of ${quota.waiting_in_all_limit}${until(quota)}`,
  quota.megapixel_steps_limit
    ? `This hour: ${quota.megapixel_steps} of ${quota.megapixel_steps_limit} megapixel-steps`
    : `This hour: ${quota.megapixel_steps} megapixel-steps`,
  `Uploads: ${Math.ceil(quota.upload_bytes / MB)} of ${Math.round(quota.upload_bytes_limit / MB)} MB`,
  `Results: the last ${quota.results_limit} jobs of all are kept`,
];

/** @param {Element} element */
export const mountAccount = (element) => {
  const user = /** @type {any} */ (window).gradio_config?.username;
  const toggle = find(element, ".account"), panel = find(element, "#loom-account");
  if (!user) return;
  toggle.hidden = false;
  toggle.textContent = user;
  /** @param {boolean} on */
  const show = (on) => {
    panel.hidden = !on;
    toggle.setAttribute("aria-expanded", String(on));
  };
  const draw = async () => {
    const me = await ask("loom/me");
    if (!me) return;
    find(panel, "h2").textContent = `${me.name}, ${me.role}`;
    find(panel, ".limits").replaceChildren(...limits(me.quota).map((text) => el("li", "", text)));
    const keys = find(panel, ".own-keys");
    keys.hidden = !me.accounts;
    find(panel, ".forget").hidden = !me.accounts;
    find(panel, ".inviting").hidden = !(me.accounts && me.role === "owner");
    find(keys, "ul").replaceChildren(...me.keys.map((/** @type {any} */ key) => {
      const row = el("li", "", `${key.name || "a key"} (${key.scopes.join(", ")}) `);
      row.append(button("Take back", async () => {
        const got = await post(`loom/me/keys/${encodeURIComponent(key.number)}/take-back`);
        if (got?.error) toast(got.error, "warn");
        draw();
      }));
      return row;
    }));
  };
  toggle.addEventListener("click", () => {
    show(Boolean(panel.hidden));
    if (!panel.hidden) draw();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!panel.hidden && !panel.contains(near(event)) && !toggle.contains(near(event))) show(false);
  });
  find(panel, ".make").addEventListener("click", async () => {
    const got = await send("loom/me/keys", { name: find(panel, ".purpose").value });
    if (!got || got.error) toast(got?.error ?? "No key was made; the studio did not answer.", "warn");
    else find(panel, ".made").replaceChildren(el("code", "", got.key), ` ${SECRET}`);
    draw();
  });
  find(panel, ".invite").addEventListener("click", async () => {
    const got = await send("loom/invitations", { role: find(panel, ".as").value });
    if (!got || got.error) toast(got?.error ?? "No invitation was made; the studio did not answer.", "warn");
    else find(panel, ".link").replaceChildren(el("code", "", new URL(got.path, location.href).href), ` It lets one person in, until ${got.until}.`);
  });
  find(panel, ".forget").addEventListener("click", async () => {
    if (!confirm("Delete all your pictures, jobs, uploads and keys on this studio? This cannot be undone.")) return;
    const got = await post("loom/me/forget");
    if (got?.error) toast(got.error, "warn");
    else if (got) location.reload();
  });
  find(panel, ".sign-out").addEventListener("click", async () => {
    if (await post("loom/sign-out")) location.reload();
    else toast("You could not be signed out; the studio did not answer.", "warn");
  });
};
