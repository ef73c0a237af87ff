export { investigate, type Findings, type WhySettings } from './why/investigation.js';
