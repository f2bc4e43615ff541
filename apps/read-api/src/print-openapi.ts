import { documentsText } from '@quarterhour/http';
import { routes } from './routes.js';

process.stdout.write(documentsText(routes));
