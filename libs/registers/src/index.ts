export { RegisterDenied, type Asked, type RegisterName } from './asking.js';
export * from './contact-register.js';
export * from './population-register.js';
export * from './ways.js';
