// Writes an object in the syntax of libconfig.

function formatNumber(value) {
  return Math.abs(value) > 0x7fffffff ? `${value}L` : String(value);
}

function formatValue(value) {
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (!Array.isArray(value)) return `{ ${formatMembers(value, ' ')} }`;
  const elements = value.map(formatValue).join(', ');
  return value.some((element) => typeof element === 'object') ? `( ${elements} )` : `[ ${elements} ]`;
}

function formatMembers(object, separator) {
  return Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${formatValue(value)};`)
    .join(separator);
}

export function formatConfig(object) {
  return `${formatMembers(object, '\n')}\n`;
}
