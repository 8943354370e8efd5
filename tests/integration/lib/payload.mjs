// Payloads of Engine.IO long-polling, put together and taken apart by the documents alone. A packet
// is a text, type first; a binary message is a Buffer.

const SEPARATOR = '\x1e';
const MESSAGE = '4';

// Protocol 4: packets with a separator between them.
export const payload4 = {
  encode: (packets) =>
    packets.map((packet) => (typeof packet === 'string' ? packet : `b${packet.toString('base64')}`)).join(SEPARATOR),
  decode: (body) =>
    body.toString().split(SEPARATOR).map((text) => (text[0] === 'b' ? Buffer.from(text.slice(1), 'base64') : text)),
};

// Protocol 3: each packet behind its length, in the units that JavaScript's strings count.
function decodeText3(text) {
  const packets = [];
  for (let rest = text; rest.length > 0; ) {
    const [head, digits] = /^(\d+):/.exec(rest) ?? [];
    if (head === undefined) throw new Error(`no length at ${JSON.stringify(rest.slice(0, 60))}`);
    const end = head.length + Number(digits);
    if (rest.length < end) throw new Error(`a length of ${digits}, but ${rest.length - head.length} are left`);
    const packet = rest.slice(head.length, end);
    packets.push(packet.startsWith(`b${MESSAGE}`) ? Buffer.from(packet.slice(2), 'base64') : packet);
    rest = rest.slice(end);
  }
  return packets;
}

// The same for clients that take bytes: kind, digits as bytes, 255, then that many bytes.
function decodeBinary3(bytes) {
  const packets = [];
  for (let rest = bytes; rest.length > 0; ) {
    const mark = rest.indexOf(255);
    const length = Number([...rest.subarray(1, mark)].join(''));
    const data = rest.subarray(mark + 1, mark + 1 + length);
    if (mark < 2 || rest[0] > 1 || !(length > 0) || data.length < length) {
      throw new Error(`no packet at ${rest.subarray(0, 60).toString('hex')}`);
    }
    if (rest[0] === 1 && data[0] !== Number(MESSAGE)) throw new Error(`binary data of type ${data[0]}`);
    packets.push(rest[0] === 1 ? Buffer.from(data.subarray(1)) : data.toString());
    rest = rest.subarray(mark + 1 + length);
  }
  return packets;
}

function encodeBinary3(packet) {
  const kind = typeof packet === 'string' ? 0 : 1;
  const data = kind === 0 ? Buffer.from(packet) : Buffer.concat([Buffer.of(Number(MESSAGE)), packet]);
  return Buffer.concat([Buffer.of(kind, ...String(data.length).split('').map(Number), 255), data]);
}

export const payload3 = {
  encode: (packets) =>
    packets
      .map((packet) => (typeof packet === 'string' ? packet : `b${MESSAGE}${packet.toString('base64')}`))
      .map((text) => `${text.length}:${text}`)
      .join(''),
  encodeBinary: (packets) => Buffer.concat(packets.map(encodeBinary3)),
  decode: (body, type = '') =>
    type === 'application/octet-stream' ? decodeBinary3(body) : decodeText3(body.toString()),
};
