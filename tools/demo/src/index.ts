export * from './agency.js';
export * from './cast.js';
export * from './letter-pdf.js';
