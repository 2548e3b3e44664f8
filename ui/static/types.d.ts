/** Types of the page's scripts; checked by `make lint`, not served. */

/** A node that a template is known to hold, as whatever element it is there. */
export type Found = HTMLElement &
  Pick<HTMLInputElement, "checked" | "disabled" | "files" | "placeholder" | "readOnly" | "select" | "selectionEnd" | "selectionStart" | "setRangeText" | "setSelectionRange"> &
  { value: any; max: any } & // numbers become texts there
  Pick<HTMLImageElement, "alt" | "naturalHeight" | "naturalWidth" | "src"> &
  Pick<HTMLAnchorElement, "download" | "href"> &
  Pick<HTMLButtonElement, "type"> &
  Pick<HTMLSelectElement, "options"> &
  Pick<HTMLDialogElement, "close" | "open" | "showModal">;

/** What Gradio hands a component of ours. */
export interface Mounted {
  mode: string;
  trigger: (event: string, data?: unknown) => void;
  props: { value: any };
  server: Record<string, (asked: unknown) => Promise<any>>;
  watch: (prop: string, changed: () => void) => void;
  upload: (file: File) => Promise<{ path: string }>;
}

/** One finished picture of a job. */
export interface Result {
  url: string;
  name: string;
  seed: number;
  width: number;
  height: number;
  label: string;
  sheet: boolean;
  /** Its number in the job; in a grid, that of its cell. */
  place?: number;
  views: string[];
  obedience: { recall: number; precision: number; suggestions: { sentence: string; changes: Record<string, unknown> }[] } | null;
  /** Where it stands on a pad. */
  point?: number[] | null;
}

/** One past picture as the server tells of it (`ui.jobs.past`). */
export interface Past {
  name: string;
  mode: string;
  prompt: string;
  seed: string;
  model: string;
  loras: string[];
  width: number;
  height: number;
  when: string;
  favourite: boolean;
  thumb: string;
  src: string;
  /** In a folder of another tool: only looked at. */
  fixed: boolean;
}

/** A picture that can be chosen on a stage: a result, or as far as one came. */
export type Tile = Omit<Result, "seed"> & { seed: number | null };

/** A job as the server tells of it (`ui.jobs.state`), or a stage without one. */
export interface JobState {
  job: string | null;
  state: "empty" | "queued" | "loading" | "running" | "paused" | "done" | "stopped" | "failed" | "gone";
  position: number;
  stage: string;
  step: number;
  total: number;
  elapsed: number;
  eta: number | null;
  /** Which of its runs is drawn, from 0, of how many that follow each other. */
  part?: number;
  parts?: number;
  note: string;
  message: string;
  results: Result[];
  timeline: { steps: number; batch?: number; stages?: number[]; forecast?: number[] } | null;
  told: Record<string, any>;
}

/** Why a press was refused: where to look, and what would do. */
export interface Failure {
  place: { key: string; label: string; fold: string } | null;
  fix: { label: string; changes: Record<string, unknown> } | null;
  /** The control's value then, as JSON. */
  was: string | undefined;
  /** Places of the tab that had no picture, where no control is named. */
  wants?: string[];
}

/** A picture that is asked for: of a job, or a file of the history. */
export interface PictureRef {
  job?: string | null;
  image?: number;
  name?: string;
  path?: string;
}

export interface Stage {
  root: Found;
  /** What is shown: the live run, or an earlier one that is looked at again. */
  value: JobState;
  /** The run that goes on, or ended last. */
  live: JobState;
  /** Shows a press at once, before the server has answered. */
  begin: () => void;
  /** Shows a job from now on. */
  follow: (job: string) => void;
  /** The job that it shall show and has heard nothing of yet. */
  awaited?: string | null;
  fail: (message: string, failure?: Failure | null) => void;
  /** The picture that the tab begins with, "" for none: an empty canvas shows it. */
  given: (src: string) => void;
  /** Told of the form's values when they change. */
  changed: (values: Record<string, unknown>) => void;
  refresh: () => void;
  select: (index: number) => void;
  /** Which result is chosen. */
  selected: () => number;
  /** Opens the picture on the canvas over the whole window; whether there is one. */
  enlarge: () => boolean;
  /** Told of each state, and which picture is chosen. */
  listen?: (value: JobState, selected: number) => void;
}

/** What the parts of a stage share. */
export interface View {
  mode: string;
  $: (selector: string) => Found;
  root: Found;
  stage: Stage;
  trigger: Mounted["trigger"];
  /** The chosen picture. */
  selected: number;
  /** Step of the timeline that is looked at. */
  scrubbed: number | null;
  /** Whether all pictures are shown at once. */
  tiled: boolean;
  /** Addresses of fetched pictures. */
  frames: Map<string, string>;
  show: (img: Found, src: string | null) => void;
  say: (text: string) => void;
  render: () => void;
}

export interface Form {
  go: Found;
  stop: Found;
  trigger: Mounted["trigger"];
  /** What a control goes back to: its person's own setting, or the usual one. */
  defaults: Record<string, unknown>;
  usual: Record<string, unknown>;
  /** Sizes of the model by their ratio, as the control takes them. */
  ratios: Record<string, string>;
  /** Sets controls back. */
  reset: (keys: string[]) => void;
  /** The controls in each fold, by its element's id. */
  folds: Record<string, string[]>;
  /** Titles of what lists offer, by control and value. */
  titles: Record<string, Record<string, string>>;
  last?: Record<string, any>;
  busy: boolean;
  name: () => void;
  /** Takes the form a step back or on; whether there was one. */
  step: (way: "undo" | "redo") => boolean;
  setBusy: (busy: boolean, job?: string | null, live?: JobState) => void;
  /** Told how a run of this page has ended. */
  ended: (state: string) => void;
  /** No further run begins by itself. */
  calm: () => void;
  /** Says anew what will run. */
  sum: () => void;
  /** Its values have been read. */
  settle: () => void;
  /** What was changed under Live has been sent. */
  sent: () => Promise<void>;
  /** The form has these values now. */
  changed: (values: Record<string, unknown>) => void;
}

/** What a tab's picture is painted with. */
export interface Easel {
  /** Puts another picture under the brush, "" for none, with what was painted on it before a reload. */
  lay: (src: string, marks?: import("./strokes.js").Mark[]) => void;
  /** Lets the results be seen again; whether it was open. */
  close: () => boolean;
  /** What is painted, in a few words; "" where nothing is. */
  words: () => string;
  /** How much of each layer is covered, 0 to 1. */
  share: () => { mask: number; sketch: number };
  /** Sends the layers; null where nothing is painted. */
  files: () => Promise<{ mask: { path: string } | null; sketch: { path: string } | null; only: boolean } | null>;
}

export interface Prompts {
  look: () => void;
  fill: (texts: Record<string, string>) => void;
  texts: () => Record<string, string>;
  /** Says in which tool's syntax the prompts are written. */
  written: (dialect: string) => void;
}

export interface Loom {
  stages: Record<string, Stage>;
  forms: Record<string, Form>;
  keepers: Record<string, () => void>;
  loras: Record<string, (again?: boolean) => void>;
  loraFits: Record<string, () => Promise<string[]>>;
  /** Told what lies before a result. */
  befores: Record<string, (before: { src: string; job: string; image: number }) => void>;
  /** What is painted on a tab's picture. */
  easels: Record<string, Easel>;
  /** Told what the field of places says. */
  painters: Record<string, (text: string) => void>;
  cascades: Record<string, (again?: boolean) => void>;
  loraAdd: Record<string, (name: string) => void>;
  loraWeights: Record<string, (weights: [string, number][]) => void>;
  prompts: Record<string, Prompts>;
  styles: Record<string, (() => void) & { show: (found: any) => void }>;
  embeddings: Record<string, () => void>;
  restored: Record<string, boolean>;
  targets: { mode: string; title: string }[];
  verify: (picture: PictureRef) => void;
  compare: (picture: PictureRef, button?: Element | null) => void;
  chosenToCompare: (picture: PictureRef) => boolean;
  closeCheck: () => boolean;
  closeOverlay: () => boolean;
  openHistory: () => void;
  openLink?: (recipe: string) => void;
  lookAgain?: () => void;
  [entry: string]: any;
}
