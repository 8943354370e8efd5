// The pictures: drawn for this page, in a square of 96. Their ink is the page's.

const ink = 'stroke="#22211e" stroke-width="4" stroke-linejoin="round" stroke-linecap="round"';

const shapes = {
  megaphone: {
    name: "Megaphone",
    svg: `<path ${ink} fill="#d9512c" d="M18 42 64 20v56L18 56z"/><path ${ink} fill="#f6d9b0" d="M10 42h14v14H10z"/>
      <path ${ink} fill="#f6d9b0" d="M28 60l6 20h12l-6-16"/><path ${ink} fill="#f2b233" d="M64 18c9 6 9 54 0 60z"/>
      <path ${ink} fill="none" d="M80 34l8-5M82 48h9M80 62l8 5"/>`,
  },
  rocket: {
    name: "Rocket",
    svg: `<path ${ink} fill="#f2b233" d="M38 74c0 10 5 12 10 18 5-6 10-8 10-18z"/><path ${ink} fill="#d9512c" d="M32 52 16 66l4 12 16-8zM64 52l16 14-4 12-16-8z"/>
      <path ${ink} fill="#f8f4ea" d="M48 6c18 14 22 40 14 68H34C26 46 30 20 48 6z"/><path ${ink} fill="#d9512c" d="M48 6c7 5 12 13 14 22H34c2-9 7-17 14-22z"/>
      <circle ${ink} fill="#7fc4cf" cx="48" cy="45" r="9"/>`,
  },
  fish: {
    name: "Fish",
    svg: `<path ${ink} fill="#1f7a86" d="M66 48 90 28c-4 14-4 26 0 40z"/><path ${ink} fill="#3aa5a0" d="M6 50c10-24 44-32 66-2-22 32-56 26-66 2z"/>
      <path ${ink} fill="#f2b233" d="M40 27c4-10 14-12 20-10-4 6-3 10 0 16M40 71c4 8 10 9 16 8-3-5-2-8 0-13"/>
      <path ${ink} fill="none" d="M34 36c7 8 7 20 0 28"/><circle cx="21" cy="45" r="5" fill="#22211e"/><circle cx="19.5" cy="43.5" r="1.6" fill="#fff"/>`,
  },
  mushroom: {
    name: "Mushroom",
    svg: `<path ${ink} fill="#f8ead2" d="M36 50h24c-2 14 6 22 4 34-8 6-24 6-32 0-2-12 6-20 4-34z"/><path ${ink} fill="#c63d2f" d="M6 54c0-28 20-44 42-44s42 16 42 44c-20 6-64 6-84 0z"/>
      <circle fill="#fbfaf7" cx="30" cy="36" r="7"/><circle fill="#fbfaf7" cx="56" cy="26" r="8"/><circle fill="#fbfaf7" cx="72" cy="44" r="6"/>
      <circle fill="#22211e" cx="42" cy="66" r="3"/><circle fill="#22211e" cx="54" cy="66" r="3"/><path ${ink} stroke-width="3" fill="none" d="M44 74c2 3 6 3 8 0"/>`,
  },
  kite: {
    name: "Kite",
    svg: `<path ${ink} fill="none" d="M48 70c-10 8 8 10 0 16s-12 2-14 6"/><path ${ink} fill="#5b8def" d="M48 4 78 34 48 72z"/><path ${ink} fill="#f2b233" d="M48 4 18 34h30z"/>
      <path ${ink} fill="#d9512c" d="M18 34 48 72V34z"/><path ${ink} fill="#8fb4f7" d="M48 4 78 34H48z"/><path ${ink} fill="#f8f4ea" d="M40 82l-9-5v9zM40 82l9-4v9z"/>`,
  },
  snail: {
    name: "Snail",
    svg: `<path ${ink} fill="#b9d08b" d="M8 82c2-10 12-12 16-16l-6-22c6-10 18-6 18 6l2 18h40c8 0 12 8 12 14z"/><path ${ink} fill="none" d="M20 44l-8-14M30 42l2-16"/>
      <circle cx="12" cy="28" r="4" fill="#22211e"/><circle cx="32" cy="24" r="4" fill="#22211e"/><circle ${ink} fill="#e08e45" cx="60" cy="48" r="26"/>
      <path ${ink} fill="none" d="M60 48c0-6 9-6 9 1s-8 12-17 8-11-18-2-24 22-4 26 6"/>`,
  },
  moon: {
    name: "Moon",
    svg: `<path ${ink} fill="#f4d06f" d="M62 8C40 8 20 26 20 50s20 40 42 38c8-1 14-4 18-8-26 0-36-16-36-34S52 16 62 8z"/>
      <path ${ink} fill="none" d="M30 46c3 4 7 4 9 0M36 64c5 2 9 0 11-3"/><path ${ink} stroke-width="3" fill="#fbfaf7" d="M74 26l4 8 8 2-6 6 1 9-7-4-8 4 2-9-6-6 8-2z"/>`,
  },
  beetle: {
    name: "Beetle",
    svg: `<path ${ink} fill="none" d="M28 44 10 36M26 58H6M30 72 12 82M68 44l18-8M70 58h20M66 72l18 10M40 18 32 6M56 18l8-12"/>
      <circle ${ink} fill="#22211e" cx="48" cy="24" r="13"/><path ${ink} fill="#7a4fb5" d="M48 32c18 0 26 14 26 30S62 90 48 90 22 78 22 62s8-30 26-30z"/>
      <path ${ink} fill="none" d="M48 34v54"/><circle fill="#f4d06f" cx="36" cy="52" r="5"/><circle fill="#f4d06f" cx="60" cy="52" r="5"/><circle fill="#f4d06f" cx="36" cy="72" r="4"/><circle fill="#f4d06f" cx="60" cy="72" r="4"/>
      <circle fill="#fbfaf7" cx="43" cy="22" r="3"/><circle fill="#fbfaf7" cx="53" cy="22" r="3"/>`,
  },
};

export const DRAWINGS = new Map(Object.entries(shapes));

export function draw(kind) {
  const template = document.createElement("template");
  template.innerHTML = `<svg viewBox="0 0 96 96" aria-hidden="true">${DRAWINGS.get(kind).svg}</svg>`;
  return template.content.firstChild;
}
