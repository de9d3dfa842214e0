import type { Mode } from '../words.js';
import type { GuardState } from './state.js';

/** The configured mode, unless somebody froze the service for a while. @replayed */
export const effectiveMode = (state: GuardState): Mode => (state.freeze === null ? state.spec.mode : 'frozen');
