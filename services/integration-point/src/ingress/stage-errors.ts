import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/** Beside an HTTP application the stages have no global filters, and Nest's own would hide from the runtime which error it was. */
@Catch()
export class StageErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
