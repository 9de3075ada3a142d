// The same as an ES module, with a default export.
import second from './second.cjs';

export default second;
