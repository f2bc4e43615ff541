/** Loaded into a worker before its first line: reading a body that says so ends the process, as an exhausted heap would. */
const parse = JSON.parse;
JSON.parse = (text, ...rest) => {
  if (typeof text === 'string' && text.includes('deadly')) process.kill(process.pid, 'SIGKILL');
  return parse(text, ...rest);
};
