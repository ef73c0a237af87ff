/** Where the sandbox is reached. With a free port it is known only when the server listens, so everybody looks it up when asked. */
export interface Address {
  /** Without trailing slash. */
  url: string;
}
