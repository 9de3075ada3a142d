/** Replaced methods of Node's objects, which tests can put back. */

export class PatchSet {
  readonly #undo: (() => void)[] = [];

  /**
   * Gives `target` a method of its own, as (non-)enumerable as the one it had or inherited, of the same name and length, for
   * a program may look. `make` gets that one.
   * Whoever patches after us keeps ours underneath, as usual.
   */
  method<F extends (this: never, ...args: never[]) => unknown>(
    target: object,
    name: PropertyKey,
    make: (original: F) => F,
  ): void {
    const own = Object.getOwnPropertyDescriptor(target, name);
    const original = (target as Record<PropertyKey, unknown>)[name] as F;
    const value = make(original);
    for (const property of ['name', 'length'] as const) {
      Object.defineProperty(value, property, { value: original[property], configurable: true });
    }
    const enumerable = own?.enumerable ?? false;
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable });
    this.#undo.push(() => {
      if (own === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, own);
    });
  }

  /** Replaces what an accessor of `target`'s own gets; name and length of the function stay, as above. */
  getter<T>(target: object, name: PropertyKey, make: (original: () => T) => () => T): void {
    const own = Object.getOwnPropertyDescriptor(target, name);
    const original = own?.get;
    if (own === undefined || original === undefined) return;
    const get = make(original as () => T);
    for (const property of ['name', 'length'] as const) {
      Object.defineProperty(get, property, { value: original[property], configurable: true });
    }
    Object.defineProperty(target, name, { ...own, get });
    this.#undo.push(() => Object.defineProperty(target, name, own));
  }

  /** Gives `target` an accessor of its own, which it and its ancestors did not have. */
  accessor(target: object, name: PropertyKey, { get, set }: Required<Pick<PropertyDescriptor, 'get' | 'set'>>): void {
    Object.defineProperty(target, name, { get, set, configurable: true, enumerable: false });
    this.#undo.push(() => Reflect.deleteProperty(target, name));
  }

  /** Puts everything back, last first. */
  restore(): void {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) undo();
  }
}
