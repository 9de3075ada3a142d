import ms from 'ms';
import { word } from './word.js';
import './style.css';

globalThis.document.body.textContent = `${word} ${ms(1000)}`;
import.meta.hot?.accept('./word.js', (next) => {
  globalThis.document.body.textContent = next.word;
});
