// Stands in for what fastify checks and writes with where a route has a schema: no route has, and it is half of fastify.
"use strict";
module.exports = () => () => {
  throw new Error("invariant: no route has a schema");
};
