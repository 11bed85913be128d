/** The same names for `import`; the manual is in index.d.ts. */
export * from './index.js';
