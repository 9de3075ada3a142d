import { createElement as h } from 'react';

export default function Layout({ children }) {
  return h('html', null, h('body', null, children));
}
