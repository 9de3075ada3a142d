/** The up-calls of one provider (SW-13): its own table, so that its handles are its own (SOCK-8). */
import { completeOperation } from '../session/index.js';
import {
  createUpcallTable,
  finishOverlapped,
  INVALID_SOCKET,
  type Out,
  SOCKET_ERROR,
  WSAEINVALIDPROVIDER,
  WSAENOTSOCK,
  type WSPUPCALLTABLEEX,
} from '../spi/index.js';
import type { HandleOwner, HandleTable } from './handle-table.js';

export function makeUpcalls(handles: HandleTable, owner: HandleOwner): WSPUPCALLTABLEEX {
  return createUpcallTable({
    lpWPUCreateSocketHandle(dwCatalogEntryId, dwContext, lpErrno) {
      if (dwCatalogEntryId !== owner.catalogEntryId && dwCatalogEntryId !== 0) {
        lpErrno.value = WSAEINVALIDPROVIDER;
        return INVALID_SOCKET;
      }
      return handles.create(owner, dwContext);
    },
    lpWPUCloseSocketHandle: (s, lpErrno) => (handles.close(owner, s) ? 0 : notSocket(lpErrno)),
    lpWPUQuerySocketHandleContext(s, lpContext, lpErrno) {
      const entry = handles.get(owner, s);
      if (entry === null) return notSocket(lpErrno);
      lpContext.value = entry.context;
      return 0;
    },
    lpWPUCompleteOverlappedRequest(s, lpOverlapped, dwError, cbTransferred, lpErrno) {
      if (handles.get(owner, s) === null) return notSocket(lpErrno);
      finishOverlapped(lpOverlapped, dwError, cbTransferred);
      completeOperation(lpOverlapped);
      return 0;
    },
  });
}

function notSocket(lpErrno: Out<number>): number {
  lpErrno.value = WSAENOTSOCK;
  return SOCKET_ERROR;
}
