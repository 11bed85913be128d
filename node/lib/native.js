'use strict';

// The addon, loaded once per environment, and what JavaScript tells it.

const { load } = require('./load');

const binding = load();

module.exports = { binding };
