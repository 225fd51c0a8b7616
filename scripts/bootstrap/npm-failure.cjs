// @ts-check
"use strict";

/** npm's error codes and messages, most specific first, each with its cause and the way out. */
const causes = [
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED|network/,
    cause: "the package registry cannot be reached",
    wayOut:
      "the first start needs the network once: check the connection or npm's proxy and registry settings, then run the command again",
  },
  {
    pattern: /SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY|CERT_/,
    cause: "the registry's certificate is not trusted",
    wayOut: 'point npm at your own authority\'s certificate with "npm config set cafile <file>"',
  },
  {
    pattern: /E401|E403|ENEEDAUTH/,
    cause: "the registry refuses access",
    wayOut: 'sign in with "npm login", or check the token in your npmrc',
  },
  {
    pattern: /E404|ETARGET|EINTEGRITY/,
    cause: "the registry does not hold a package that package-lock.json names, or holds another",
    wayOut: "check that npm's registry setting points at a full mirror",
  },
  { pattern: /ENOSPC/, cause: "the disk is full", wayOut: "the packages need about 600 MB" },
  {
    pattern: /EACCES|EPERM|EROFS/,
    cause: "files may not be written",
    wayOut: "make the checkout and npm's cache writable for this user",
  },
  {
    pattern: /EUSAGE/,
    cause: "package-lock.json and package.json disagree",
    wayOut: 'run "npm install" to bring them together',
  },
];

const linesMax = 6;

/**
 * @param {string} output what npm printed
 * @returns {string} a sentence, and below it what npm said first
 */
function explainNpmFailure(output) {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => /^npm (error|ERR!) \S/.test(line));
  const known = causes.find(({ pattern }) => pattern.test(errors.join("\n")));
  const sentence =
    known === undefined
      ? 'cannot install the packages: npm failed; "npm ci" shows all it has to say'
      : `cannot install the packages: ${known.cause}; ${known.wayOut}`;
  return [
    sentence,
    ...(errors.length > 0 ? errors : lines).slice(0, linesMax).map((line) => `  ${line}`),
  ].join("\n");
}

module.exports = { explainNpmFailure };
