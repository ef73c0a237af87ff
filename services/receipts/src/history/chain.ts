/** How entries are chained is in a library, so that a letter's evidence is checked without this service by what wrote it. */
export { canonical, chainStart, hashEntry, verifyHistory, type HistoryEntry } from '@postgang/evidence';
