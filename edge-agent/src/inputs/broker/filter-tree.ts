/** Values by MQTT filter, and those of all filters that take a topic (MQTT 3.1.1, 4.7), found along the topic's levels. */
export class FilterTree<Value> {
  readonly #root = newNode<Value>();
  #nodeCount = 0;

  /** Levels that are held: what it costs. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  get(filter: string): Value | undefined {
    return this.#path(filter).at(-1)?.value;
  }

  set(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
        this.#nodeCount += 1;
      }
      node = child;
    }
    node.value = value;
  }

  delete(filter: string): void {
    const levels = filter.split("/");
    const path = this.#path(filter);
    const last = path.at(-1);
    if (last === undefined) return;
    last.value = undefined;
    for (let index = path.length - 1; index >= 0; index -= 1) {
      const { value, children } = path[index];
      if (value !== undefined || (children !== undefined && children.size > 0)) return;
      const parent = index === 0 ? this.#root : path[index - 1];
      parent.children?.delete(levels[index]);
      this.#nodeCount -= 1;
    }
  }

  /** Whether any filter takes the topic. */
  takes(topic: string): boolean {
    return this.#visit(topic, () => true);
  }

  /** Of all filters that take the topic. */
  valuesFor(topic: string): Value[] {
    const values: Value[] = [];
    this.#visit(topic, (value) => {
      values.push(value);
      return false;
    });
    return values;
  }

  /** The nodes of the filter's levels; empty where it is not held. */
  #path(filter: string): Node<Value>[] {
    const path: Node<Value>[] = [];
    let node: Node<Value> | undefined = this.#root;
    for (const level of filter.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return [];
      path.push(node);
    }
    return path;
  }

  /** Until `isLast` says so; whether it did. No filter with a wildcard in front takes a topic that begins with `$`. */
  #visit(topic: string, isLast: (value: Value) => boolean): boolean {
    const levels = topic.split("/");
    const isReserved = topic.startsWith("$");
    const visit = ({ value, children }: Node<Value>, depth: number): boolean => {
      const hasWildcards = depth > 0 || !isReserved;
      const rest = hasWildcards ? children?.get("#")?.value : undefined;
      if (rest !== undefined && isLast(rest)) return true;
      if (depth === levels.length) return value !== undefined && isLast(value);
      const any = hasWildcards ? children?.get("+") : undefined;
      if (any !== undefined && visit(any, depth + 1)) return true;
      const exact = children?.get(levels[depth]);
      return exact !== undefined && visit(exact, depth + 1);
    };
    return visit(this.#root, 0);
  }
}

interface Node<Value> {
  value: Value | undefined;
  children: Map<string, Node<Value>> | undefined;
}

function newNode<Value>(): Node<Value> {
  return { value: undefined, children: undefined };
}
