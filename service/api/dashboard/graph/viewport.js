/** The part of a picture that is in view: fitted, zoomed, dragged. */

import { html, useRef, useState } from "../lib/html.js";

const STEP = 1.3, CLOSEST = 4, NUDGE = 0.1;

/**
 * @param {number} width of the whole picture
 * @param {number} height
 */
export function useViewport(width, height) {
  const [view, setView] = useState({ x: 0, y: 0, zoom: 1 });
  const [dragged, setDragged] = useState(/** @type {{x: number, y: number} | null} */ (null));
  const moved = useRef(false);
  const shown = { width: width / view.zoom, height: height / view.zoom };
  const zoom = (/** @type {number} */ factor) => setView((before) => {
    const next = Math.min(CLOSEST * Math.max(1, width / 1000), Math.max(1, before.zoom * factor));
    // Around the middle of what is in view.
    const x = before.x + (width / before.zoom - width / next) / 2, y = before.y + (height / before.zoom - height / next) / 2;
    return within({ x, y, zoom: next });
  });
  const within = (/** @type {{x: number, y: number, zoom: number}} */ next) => ({
    zoom: next.zoom,
    x: Math.max(0, Math.min(width - width / next.zoom, next.x)),
    y: Math.max(0, Math.min(height - height / next.zoom, next.y)),
  });
  const pan = (/** @type {number} */ x, /** @type {number} */ y) => setView((before) => within({ ...before, x: before.x + x, y: before.y + y }));
  const move = (/** @type {any} */ event) => {
    if (dragged === null) return;
    const scale = Math.max(shown.width / event.currentTarget.clientWidth, shown.height / event.currentTarget.clientHeight);
    moved.current = true;
    pan((dragged.x - event.clientX) * scale, (dragged.y - event.clientY) * scale);
    setDragged({ x: event.clientX, y: event.clientY });
  };
  const keys = /** @type {Record<string, () => void>} */ ({
    "+": () => zoom(STEP), "-": () => zoom(1 / STEP), "0": () => setView({ x: 0, y: 0, zoom: 1 }),
    ArrowLeft: () => pan(-shown.width * NUDGE, 0), ArrowRight: () => pan(shown.width * NUDGE, 0),
    ArrowUp: () => pan(0, -shown.height * NUDGE), ArrowDown: () => pan(0, shown.height * NUDGE),
  });
  return {
    box: `${view.x} ${view.y} ${shown.width} ${shown.height}`,
    zoomed: view.zoom > 1,
    zoom,
    fit: keys["0"],
    key: (/** @type {KeyboardEvent} */ event) => {
      if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    },
    handlers: {
      onPointerDown: (/** @type {any} */ event) => {
        moved.current = false;
        if (view.zoom > 1 && event.button === 0) setDragged({ x: event.clientX, y: event.clientY });
      },
      // The end of a drag is no click on the job below.
      onClickCapture: (/** @type {Event} */ event) => moved.current && event.preventDefault(),
      onPointerMove: move,
      onPointerUp: () => setDragged(null),
      onPointerLeave: () => setDragged(null),
      onDragStart: (/** @type {Event} */ event) => event.preventDefault(),
      onWheel: (/** @type {any} */ event) => {
        // A wheel alone scrolls the page.
        if (!event.ctrlKey) return;
        event.preventDefault();
        zoom(event.deltaY < 0 ? STEP : 1 / STEP);
      },
    },
  };
}

/** @param {{viewport: ReturnType<typeof useViewport>}} properties */
export function ZoomButtons({ viewport }) {
  return html`<div class="zoom" role="group" aria-label="Zoom">
    <button type="button" aria-label="Zoom in" onClick=${() => viewport.zoom(STEP)}>+</button>
    <button type="button" aria-label="Zoom out" disabled=${!viewport.zoomed} onClick=${() => viewport.zoom(1 / STEP)}>−</button>
    <button type="button" disabled=${!viewport.zoomed} onClick=${viewport.fit}>Fit</button>
  </div>`;
}
