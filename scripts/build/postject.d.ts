declare module "postject" {
  /** Puts `data` into the executable `path` as the resource `name`. */
  export function inject(
    path: string,
    name: string,
    data: Buffer,
    options: { readonly sentinelFuse: string },
  ): Promise<void>;
}
