// @ts-check
/* Hands the page's parts to Gradio: its components and events name them as `loom.…`. */
import { mountCascade } from "./cascade.js";
import { mountCheck } from "./check.js";
import { mountClip } from "./clip.js";
import { mountClipPart } from "./clip_part.js";
import { mountControls } from "./controls.js";
import { mountEdges } from "./edges.js";
import { embedded, mountEmbeddings } from "./embeddings.js";
import { carry, gathered, telling } from "./events.js";
import { changed, mountActions, touched } from "./form.js";
import { axesChanged, mountGrid } from "./grid.js";
import { mountHeader } from "./header.js";
import "./hints.js";
import { mountHistory } from "./history.js";
import "./keys.js";
import { mountLab } from "./lab_door.js";
import { watchLinks } from "./link.js";
import { mountLoras } from "./lora.js";
import { mountMorph } from "./morph.js";
import { mountFootprint, mountPad } from "./pad.js";
import { mountPainter } from "./painter.js";
import { laid, mountPainting } from "./painting.js";
import { rememberPrompt } from "./past.js";
import { weigh } from "./prompt.js";
import { mountRegions } from "./regions.js";
import { loom } from "./registry.js";
import { mountStage } from "./stage.js";
import { mountStyles, styled } from "./styles.js";
import { sure } from "./sure.js";
import { mountPrompt } from "./tokens.js";
import { mountTrainPictures, mountTraining } from "./train.js";
import { mountBefore } from "./wipe.js";
import { explicit } from "../gradio_compat/explicit_choice.js";
import "../gradio_compat/typing.js";

Object.assign(loom, {
  axesChanged, carry, changed, embedded, explicit, gathered, laid, mountActions, mountBefore, mountCascade, mountCheck, mountClip, mountClipPart, mountControls, mountEdges, mountEmbeddings,
  mountFootprint, mountGrid, mountHeader, mountHistory, mountLab, mountLoras, mountMorph, mountPad, mountPainter, mountPainting, mountPrompt, mountRegions, mountStage,
  mountStyles, mountTrainPictures, mountTraining, rememberPrompt, styled, sure, telling, touched, watchLinks, weigh,
});
/** @type {any} */ (window).loom = loom;
