// The states as tiles of a map, with their electoral votes; and who runs. The map is the country's,
// the parties and candidates are invented.

export const PARTIES = {
  a: { name: "Lantern", candidate: "Ada Quill", short: "Quill", mark: "◆" },
  b: { name: "Harbor", candidate: "Bram Tolliver", short: "Tolliver", mark: "■" },
};

export const MAJORITY = 270;

// One line per row of tiles.
const MAP = `
AK .  .  .  .  .  .  .  .  .  ME
.  .  .  .  .  .  .  .  .  VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT .
CA UT CO NE MO KY WV VA MD DE .
.  AZ NM KS AR TN NC SC DC .  .
.  .  .  OK LA MS AL GA .  .  .
HI .  .  TX .  .  .  .  FL .  .
`;

const NAMES_AND_VOTES = `
AL Alabama 9, AK Alaska 3, AZ Arizona 11, AR Arkansas 6, CA California 54, CO Colorado 10,
CT Connecticut 7, DE Delaware 3, DC District of Columbia 3, FL Florida 30, GA Georgia 16,
HI Hawaii 4, ID Idaho 4, IL Illinois 19, IN Indiana 11, IA Iowa 6, KS Kansas 6, KY Kentucky 8,
LA Louisiana 8, ME Maine 4, MD Maryland 10, MA Massachusetts 11, MI Michigan 15, MN Minnesota 10,
MS Mississippi 6, MO Missouri 10, MT Montana 4, NE Nebraska 5, NV Nevada 6, NH New Hampshire 4,
NJ New Jersey 14, NM New Mexico 5, NY New York 28, NC North Carolina 16, ND North Dakota 3,
OH Ohio 17, OK Oklahoma 7, OR Oregon 8, PA Pennsylvania 19, RI Rhode Island 4,
SC South Carolina 9, SD South Dakota 3, TN Tennessee 11, TX Texas 40, UT Utah 6, VT Vermont 3,
VA Virginia 13, WA Washington 12, WV West Virginia 4, WI Wisconsin 10, WY Wyoming 3
`;

function cells() {
  const found = new Map();
  const rows = MAP.trim().split("\n");
  rows.forEach((row, y) => {
    row.split(/\s+/).forEach((id, x) => id !== "." && found.set(id, { x, y }));
  });
  return found;
}

function readStates() {
  const cellOf = cells();
  const states = NAMES_AND_VOTES.trim().split(/,\s+/).map((text) => {
    const [, id, name, votes] = /^(\w\w) (.*) (\d+)$/.exec(text);
    return [id, { id, name, votes: Number(votes), ...cellOf.get(id) }];
  });
  // In the order of the map, which is the order for a keyboard and for a screen reader.
  return new Map(states.sort(([, a], [, b]) => a.y - b.y || a.x - b.x));
}

export const STATES = readStates();
export const ALL_VOTES = [...STATES.values()].reduce((sum, { votes }) => sum + votes, 0);
